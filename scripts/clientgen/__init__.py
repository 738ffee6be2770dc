"""Makes the client for threads, and the reference page of the client."""
