/* Times a gradient that CasADi generated: `case casadi nanoseconds`, the median per active operation. `generate_casadi.py` writes the
 * program to PROGRAM, which defines NAME, OPERATIONS, SUM (of the gradient) and PARAMS.
 *
 *     casadi SECONDS        spent at least */
#include PROGRAM
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + 1e-9 * t.tv_nsec;
}

static int ascending(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

int main(int count, char **args) {
  enum { N = sizeof PARAMS / sizeof *PARAMS, MOST = 1000000 };
  const double least = count > 1 ? atof(args[1]) : 1;
  casadi_int arguments, results, integers, reals;
  gradient_work(&arguments, &results, &integers, &reals);
  const double **arg = calloc(arguments, sizeof *arg);
  double **res = calloc(results, sizeof *res), *w = calloc(reals, sizeof *w), *times = malloc(MOST * sizeof *times);
  casadi_int *iw = calloc(integers, sizeof *iw);
  static double value, grad[N];
  arg[0] = PARAMS, res[0] = &value, res[1] = grad;
  const double start = now();
  int n = 0;
  while (n < 3 || (now() - start < least && n < MOST)) {
    const double from = now();
    if (gradient(arg, res, iw, w, 0)) return fprintf(stderr, NAME ": CasADi's gradient failed\n"), 1;
    double sum = 0;
    for (int i = 0; i < N; ++i) sum += grad[i];
    times[n++] = now() - from;
    const double error = sum - SUM, bound = 1e-8 * (1 + (SUM < 0 ? -SUM : SUM));
    if (!(error <= bound && -error <= bound)) return fprintf(stderr, NAME ": the gradient's sum is %.12g\n", sum), 1;
  }
  qsort(times, n, sizeof *times, ascending);
  printf(NAME " casadi %.3f\n", times[n / 2] / OPERATIONS * 1e9);
}
