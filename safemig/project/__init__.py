"""What a project is made of, found in its files alone, and its configuration.

It imports shell, postgres, plan_document and below.
"""
