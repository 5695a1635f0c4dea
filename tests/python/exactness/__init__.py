"""A program cannot tell that it is compiled: frames, tracing, signals, threads, shutdown and the rest."""
