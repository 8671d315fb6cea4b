"""Permissions, checked before anything is changed: signatures, channels, visitors.

Imports `protocol`. Its public parts: `Signer`, `Channels`, `Visitors`.
"""
