"""The Markdown implementation plan as data: phases, items, code blocks and their labels.

It knows nothing of schemas and imports base.
"""
