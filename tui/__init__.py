"""The full-screen app: draws the event stream and sends messages back."""
