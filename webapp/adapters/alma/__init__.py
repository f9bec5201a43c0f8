"""Ex Libris Alma: its REST interface and its Analytics reports, through one polite client.

Start at ``client.AlmaClient`` (fees, users, reports, payments) and ``sources`` (outstanding fees by four ways).
"""
