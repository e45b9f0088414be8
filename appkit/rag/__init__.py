"""Questions answered from documents, with citations."""
