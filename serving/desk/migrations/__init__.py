"""Migrations of the desk's database, run by `serving.desk.migrating`."""
