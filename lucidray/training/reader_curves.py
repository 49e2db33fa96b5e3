def draw(a,b): pass
def card(f): pass
