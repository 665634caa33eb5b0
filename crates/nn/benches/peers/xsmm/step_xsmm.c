/* Times training steps of LIBXSMM's fused fully connected layers on the dense workloads of workloads.md.
 *
 *     apt-get install libxsmm-dev
 *     cc -O3 -march=native -ffast-math -fopenmp step_xsmm.c -o step_xsmm -lxsmm -lxsmmnoblas -lpthread -lrt -ldl -lm
 *     step_xsmm [workload ...] [--threads N] [--min-seconds S] [--check]
 *
 * The library computes a layer with its bias and relu, and backwards the gradients of W, b and x. It has no fused tanh and no Adam: these
 * and the cross-entropy are loops in net.h. Its arrays are blocked: samples by `bn`, features by `bk`; several sizes are tried, and the
 * fastest is measured. `--check` compares every gradient with differences of the loss. */
#include "net.h"
#include <sys/resource.h>
#include <unistd.h>

static const Workload WORKLOADS[] = {
    {"digits", 0, 100, 2, {64, 128, 10}},
    {"mnist", 0, 128, 3, {784, 256, 128, 10}},
    {"tanh", 1, 256, 3, {784, 1024, 1024, 10}},
    {"wide", 0, 512, 3, {1024, 4096, 4096, 1000}},
};
enum { COUNT = sizeof WORKLOADS / sizeof *WORKLOADS };

static double now(void) { return omp_get_wtime(); }

static double mib(int peak) {
  struct rusage usage;
  long pages = 0;
  getrusage(RUSAGE_SELF, &usage);
  if (peak) return usage.ru_maxrss / 1024.0;
  FILE *statm = fopen("/proc/self/statm", "r");
  if (!statm || fscanf(statm, "%*d %ld", &pages) != 1) pages = 0;
  if (statm) fclose(statm);
  return pages * (sysconf(_SC_PAGESIZE) / 1048576.0);
}

static int ascending(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static void measure(const Workload *of, int threads, double least) {
  static const int SIZES[][2] = {{64, 64}, {32, 64}, {64, 32}, {32, 32}, {128, 64}, {64, 128}};
  const double idle = mib(0);
  double best = 1e30, first = 0, last = 0;
  int chosen = 0, n = 0;
  for (int k = 0; k < (int)(sizeof SIZES / sizeof *SIZES); ++k) {
    Net *net = build(of, threads, SIZES[k][0], SIZES[k][1]);
    first = step(net, 1);
    const double start = now();
    double fastest = 1e30;
    for (int tries = 0; tries < 3 || now() - start < 0.05; ++tries) {
      const double from = now();
      step(net, 1);
      fastest = fmin(fastest, now() - from);
    }
    if (fastest < best) best = fastest, chosen = k;
    release(net);
  }
  const double expected = log(of->sizes[of->layers]);
  must(first > expected - 0.3 && first < expected + 0.5, "the first loss is not near ln of the number of classes");
  Net *net = build(of, threads, SIZES[chosen][0], SIZES[chosen][1]);
  for (int k = 0; k < 10; ++k) step(net, 1);
  size_t room = 1 << 20;
  double *times = malloc(room * sizeof *times);
  const double start = now();
  while (n < 10 || now() - start < least) {
    const double from = now();
    last = step(net, 1);
    if (n == (int)room) times = realloc(times, (room *= 2) * sizeof *times);
    times[n++] = (now() - from) * 1e6;
  }
  qsort(times, n, sizeof *times, ascending);
  printf("{\"peer\": \"libxsmm " LIBXSMM_VERSION "\", \"workload\": \"%s\", \"threads\": %d, \"us_per_step_median\": %.3f, "
         "\"us_per_step_min\": %.3f, \"steps\": %d, \"first_loss\": %.6f, \"final_loss\": %.6f, \"idle_rss_mib\": %.1f, "
         "\"peak_rss_mib\": %.1f}\n",
         of->name, threads, times[n / 2], times[0], n, first, last, idle, mib(1));
  fflush(stdout);
  free(times), release(net);
}

int main(int count, char **args) {
  int threads = 1, checked = 0, wanted[COUNT] = {0}, any = 0;
  double least = 2;
  for (int k = 1; k < count; ++k) {
    int known = 0;
    if (!strcmp(args[k], "--check")) checked = known = 1;
    if (!strcmp(args[k], "--threads") && k + 1 < count) threads = atoi(args[++k]), known = threads > 0 && threads <= 256;
    else if (!strcmp(args[k], "--min-seconds") && k + 1 < count) least = atof(args[++k]), known = 1;
    for (int j = 0; j < COUNT; ++j)
      if (!strcmp(args[k], WORKLOADS[j].name)) wanted[j] = any = known = 1;
    must(known, "usage: step_xsmm [digits|mnist|tanh|wide ...] [--threads N] [--min-seconds S] [--check]");
  }
  libxsmm_init();
  for (int j = 0; j < COUNT; ++j) {
    if (any && !wanted[j]) continue;
    if (checked) {
      Net *net = build(&WORKLOADS[j], threads, 64, 64);
      check(net);
      release(net);
    } else {
      measure(&WORKLOADS[j], threads, least);
    }
  }
}
