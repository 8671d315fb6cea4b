"""Real users and real parts, with faults at random: whatever breaks, is every text exact?"""
