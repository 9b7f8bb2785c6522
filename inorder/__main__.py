"""`python -m inorder` is the command `inorder`."""

from inorder.cli import main

main()
