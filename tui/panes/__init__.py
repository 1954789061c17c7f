"""The parts of the run screen: plan, checklist, question, header, shell line."""
