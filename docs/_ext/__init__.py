"""What makes pages, or parts of them, from the code."""
