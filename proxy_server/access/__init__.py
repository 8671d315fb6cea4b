"""Who may what, decided before anything is touched: signatures, channels, visitors.

Imports `protocol`. Its doors: `Signer`, `Channels`, `Visitors`.
"""
