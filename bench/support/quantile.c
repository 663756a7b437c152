#include "quantile.h"

#include <stdlib.h>

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return (x > y) - (x < y);
}

void quantile_sort(double *values, size_t count)
{
    qsort(values, count, sizeof values[0], ascending);
}

double quantile_of(const double *sorted, size_t count, double fraction)
{
    return sorted[(size_t)(fraction * (double)(count - 1) + 0.5)];
}
