"""What a phase of the plan asks for, of the schema and of the models, and which phase is next.

It imports orm and below.
"""
