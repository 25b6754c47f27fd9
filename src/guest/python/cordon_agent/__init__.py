"""The Python agent: the guest's side of Cordon's frames for a function in a whole Python. None of it is for functions."""
