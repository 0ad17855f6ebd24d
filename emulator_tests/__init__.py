"""Everything that judges or is judged: test bed, simulators, tests, demo and bench; nothing here is deployed."""
