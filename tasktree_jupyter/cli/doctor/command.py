"""x"""
EXAMPLES=""
def arguments(p): pass
