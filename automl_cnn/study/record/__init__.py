"""What a study has done, in a journal that survives a kill at any moment: the only truth about it."""
