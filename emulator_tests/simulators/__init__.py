"""Stand-alone simulators of the providers, judged by the vendors' own clients; they import nothing of the project."""
