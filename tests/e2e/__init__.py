"""The bridge as its users run it: real processes, real sockets, the sandbox as DX."""
