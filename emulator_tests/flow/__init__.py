"""Stories through the emulators: people act as a browser app does, and the world is asked what came of it."""
