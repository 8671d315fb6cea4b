"""Real users and real parts, with random faults: is every text exact whatever breaks?"""
