"""What is Go's own: goroutines, and values as a Go programmer thinks of them."""
