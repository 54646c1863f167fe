"""The artifact that holds what offline validation promised: built from files, read by everything after."""
