"""The live program: threads, sites, the event loop, unwinding; no text for users."""
