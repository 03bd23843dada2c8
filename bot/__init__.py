"""The application: it sits on top and knows everyone."""
