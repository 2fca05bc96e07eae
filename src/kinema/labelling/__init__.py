"""Labels made by hand: the CSV file they are kept in, what may be changed of it, several people's as one."""
