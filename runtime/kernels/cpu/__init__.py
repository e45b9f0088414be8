"""The ops in C++, without torch."""
