"""What an operator does: the weekly run of the scheduler, a look at the installation's health, backups of all state."""
