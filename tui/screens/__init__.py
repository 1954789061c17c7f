"""The screens: start, run, step, report and the dialogs over them."""
