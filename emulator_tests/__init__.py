"""Everything that is judged or that judges: the test bed, the simulators, the tests and the demo; nothing here is deployed."""
