"""What exists in the simulated account: tables, filters, and the journal that lets them survive a restart."""
