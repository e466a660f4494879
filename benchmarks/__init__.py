"""What the product is measured with; see README.md. Not part of the server."""
