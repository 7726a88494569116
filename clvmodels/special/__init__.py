"""Mathematics that the models share: stable differences of gamma functions, quadrature, uniform times.

Every function works on each element for itself: a row gives the same bits alone and among others. So
node counts depend on the row only, and sums over nodes run in the order of the nodes (no BLAS, no pairwise sums).
"""
