"""What a notebook shows: the view object, the mime bundle, static HTML and text, the widget."""
