/* A dense network on LIBXSMM's fused fully connected layers: its kernels, a training step, and a check of its gradients. */
#include <libxsmm.h>
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LAYERS = 3, LINE = 64 };

typedef struct {
  const char *name;
  int tanh, batch, layers, sizes[LAYERS + 1];
} Workload;

/* A dense layer; x, y and their gradients are [batch / bn][features / block][bn][block]. */
typedef struct {
  libxsmm_dnn_fullyconnected *fc;
  int inputs, outputs, tanh;
  float *w, *b, *gw, *gb, *x, *y, *gx, *gy;
  unsigned char *mask;
} Layer;

typedef struct {
  const Workload *of;
  int threads, bn, block; /* of the logits */
  Layer layers[LAYERS];
  int *classes;
  float *params, *grads, *m, *v, *scratch;
  size_t count; /* numbers in params */
  double steps, losses[256];
} Net;

static void must(int ok, const char *what) {
  if (!ok) fprintf(stderr, "%s\n", what), exit(1);
}

static void *zeros(size_t bytes) {
  void *p = aligned_alloc(LINE, (bytes + LINE - 1) / LINE * LINE);
  must(p != NULL, "no memory");
  return memset(p, 0, (bytes + LINE - 1) / LINE * LINE);
}

static float *floats(size_t n) { return zeros(n * sizeof(float)); }

/* The greatest divisor of n up to a limit; full vectors if possible. */
static int divisor(int n, int limit, int vectors) {
  for (int step = vectors ? 8 : 1; step; step = step == 8)
    for (int d = limit / step * step; d > 0; d -= step)
      if (n % d == 0) return d;
  return 1;
}

static double uniform(void) { return rand() / (RAND_MAX + 1.0); }
static double normal(void) { return sqrt(-2 * log(1 - uniform())) * cos(2 * M_PI * uniform()); }

static void bind(Layer *l, libxsmm_dnn_tensor_type type, const void *data) {
  libxsmm_dnn_err_t status;
  libxsmm_dnn_tensor_datalayout *layout = libxsmm_dnn_fullyconnected_create_tensor_datalayout(l->fc, type, &status);
  must(status == LIBXSMM_DNN_SUCCESS, "LIBXSMM makes no layout");
  libxsmm_dnn_tensor *tensor = libxsmm_dnn_link_tensor(layout, data, &status);
  must(status == LIBXSMM_DNN_SUCCESS, "LIBXSMM links no tensor");
  must(libxsmm_dnn_fullyconnected_bind_tensor(l->fc, tensor, type) == LIBXSMM_DNN_SUCCESS, "LIBXSMM binds no tensor");
  libxsmm_dnn_destroy_tensor_datalayout(layout);
}

/* The outputs of layer k. Logits are padded to whole vectors, with which the library is faster; the loss does not see the others. */
static int outputs(const Workload *of, int k) { return k + 1 < of->layers ? of->sizes[k + 1] : (of->sizes[k + 1] + 7) / 8 * 8; }

/* The network with random weights and data, and its kernels. */
static Net *build(const Workload *of, int threads, int bn, int bk) {
  Net *net = zeros(sizeof *net);
  srand(1);
  *net = (Net){.of = of, .threads = threads, .bn = divisor(of->batch, bn, 0)};
  size_t scratch = 0, starts[2 * LAYERS];
  for (int k = 0; k < of->layers; ++k) {
    starts[2 * k] = net->count;
    starts[2 * k + 1] = net->count += (size_t)of->sizes[k] * outputs(of, k);
    net->count += (outputs(of, k) + 15) / 16 * 16; /* the next weights start at a line */
  }
  net->params = floats(net->count), net->grads = floats(net->count), net->m = floats(net->count), net->v = floats(net->count);
  for (int k = 0; k < of->layers; ++k) {
    Layer *l = &net->layers[k];
    *l = (Layer){.inputs = of->sizes[k], .outputs = outputs(of, k), .tanh = of->tanh && k + 1 < of->layers};
    const int relu = !of->tanh && k + 1 < of->layers;
    libxsmm_dnn_fullyconnected_desc desc = {
        .N = of->batch, .C = l->inputs, .K = l->outputs,
        .bn = net->bn, .bc = divisor(l->inputs, bk, 1), .bk = divisor(l->outputs, bk, 1),
        .threads = threads,
        .datatype_in = LIBXSMM_DNN_DATATYPE_F32, .datatype_out = LIBXSMM_DNN_DATATYPE_F32,
        .buffer_format = LIBXSMM_DNN_TENSOR_FORMAT_NCPACKED, .filter_format = LIBXSMM_DNN_TENSOR_FORMAT_CKPACKED,
        .fuse_ops = relu ? LIBXSMM_DNN_FULLYCONNECTED_FUSE_BIAS_RELU : LIBXSMM_DNN_FULLYCONNECTED_FUSE_BIAS};
    net->block = desc.bk;
    libxsmm_dnn_err_t status;
    l->fc = libxsmm_dnn_create_fullyconnected(desc, &status);
    must(status == LIBXSMM_DNN_SUCCESS, "LIBXSMM makes no layer");
    l->w = net->params + starts[2 * k], l->b = net->params + starts[2 * k + 1];
    l->gw = net->grads + starts[2 * k], l->gb = net->grads + starts[2 * k + 1];
    l->x = k ? l[-1].y : floats((size_t)of->batch * l->inputs), l->gx = k ? l[-1].gy : NULL;
    l->y = floats((size_t)of->batch * l->outputs), l->gy = floats((size_t)of->batch * l->outputs);
    const float bound = 1 / sqrtf(l->inputs);
    for (long i = 0; i < (long)l->inputs * l->outputs; ++i) l->w[i] = bound * (2 * uniform() - 1);
    bind(l, LIBXSMM_DNN_REGULAR_INPUT, l->x), bind(l, LIBXSMM_DNN_REGULAR_OUTPUT, l->y);
    bind(l, LIBXSMM_DNN_REGULAR_FILTER, l->w), bind(l, LIBXSMM_DNN_GRADIENT_FILTER, l->gw);
    bind(l, LIBXSMM_DNN_REGULAR_CHANNEL_BIAS, l->b), bind(l, LIBXSMM_DNN_GRADIENT_CHANNEL_BIAS, l->gb);
    bind(l, LIBXSMM_DNN_GRADIENT_OUTPUT, l->gy);
    if (k) bind(l, LIBXSMM_DNN_GRADIENT_INPUT, l->gx);
    if (relu) bind(l, LIBXSMM_DNN_RELU_MASK, l->mask = zeros((size_t)of->batch * l->outputs));
    const size_t needed = libxsmm_dnn_fullyconnected_get_scratch_size(l->fc, &status);
    scratch = needed > scratch ? needed : scratch;
  }
  net->scratch = zeros(scratch + LINE); /* only one layer computes at a time */
  for (int k = 0; k < of->layers; ++k) libxsmm_dnn_fullyconnected_bind_scratch(net->layers[k].fc, net->scratch);
  for (long i = 0; i < (long)of->batch * of->sizes[0]; ++i) net->layers[0].x[i] = normal();
  net->classes = zeros(of->batch * sizeof(int));
  for (int n = 0; n < of->batch; ++n) net->classes[n] = uniform() * of->sizes[of->layers];
  return net;
}

static void release(Net *net) {
  for (int k = 0; k < net->of->layers; ++k) {
    Layer *l = &net->layers[k];
    libxsmm_dnn_destroy_fullyconnected(l->fc);
    if (!k) free(l->x);
    free(l->y), free(l->gy), free(l->mask);
  }
  free(net->params), free(net->grads), free(net->m), free(net->v), free(net->scratch), free(net->classes), free(net);
}

/* The part of n numbers, or of n samples, for a thread. */
static void part(size_t n, int threads, int id, size_t *from, size_t *to) {
  *from = n * id / threads, *to = n * (id + 1) / threads;
}

static void barrier(const Net *net) {
  if (net->threads > 1) {
#pragma omp barrier
  }
}

static void run(Layer *l, libxsmm_dnn_compute_kind kind, int id) {
  must(libxsmm_dnn_fullyconnected_execute_st(l->fc, kind, 0, id) == LIBXSMM_DNN_SUCCESS, "LIBXSMM does not compute a layer");
}

static void forward(Net *net, int id) {
  for (int k = 0; k < net->of->layers; ++k) {
    Layer *l = &net->layers[k];
    run(l, LIBXSMM_DNN_COMPUTE_KIND_FWD, id);
    barrier(net);
    if (l->tanh) {
      size_t from, to;
      part((size_t)net->of->batch * l->outputs, net->threads, id, &from, &to);
#pragma omp simd
      for (size_t i = from; i < to; ++i) l->y[i] = tanhf(l->y[i]);
      barrier(net);
    }
  }
}

/* The logits of block j. */
static int within(int block, int classes, int j) { return block < classes - j * block ? block : classes - j * block; }

/* The softmax cross-entropy of this thread's samples, over the batch, and the gradient of the logits. */
static double loss(Net *net, int id) {
  const Layer *l = &net->layers[net->of->layers - 1];
  const int bn = net->bn, block = net->block, blocks = l->outputs / block, classes = net->of->sizes[net->of->layers];
  const float mean = 1.0f / net->of->batch;
  double sum = 0;
  size_t from, to;
  part(net->of->batch, net->threads, id, &from, &to);
  for (size_t n = from; n < to; ++n) {
    const size_t start = (n / bn * blocks * bn + n % bn) * block, stride = (size_t)bn * block;
    const int c = net->classes[n];
    float max = -1e30f, total = 0;
    for (int j = 0; j < blocks; ++j) {
      const float *y = l->y + start + j * stride;
      for (int i = 0; i < within(block, classes, j); ++i) max = y[i] > max ? y[i] : max;
    }
    for (int j = 0; j < blocks; ++j) {
      const float *y = l->y + start + j * stride;
      float *gy = l->gy + start + j * stride;
#pragma omp simd reduction(+ : total)
      for (int i = 0; i < within(block, classes, j); ++i) total += gy[i] = expf(y[i] - max);
    }
    for (int j = 0; j < blocks; ++j) {
      float *gy = l->gy + start + j * stride;
#pragma omp simd
      for (int i = 0; i < block; ++i) gy[i] *= mean / total;
    }
    const size_t at = start + c / block * stride + c % block;
    l->gy[at] -= mean;
    sum += (logf(total) + max - l->y[at]) * mean;
  }
  return sum;
}

static void backward(Net *net, int id) {
  for (int k = net->of->layers - 1; k >= 0; --k) {
    Layer *l = &net->layers[k];
    if (l->tanh) {
      size_t from, to;
      part((size_t)net->of->batch * l->outputs, net->threads, id, &from, &to);
#pragma omp simd
      for (size_t i = from; i < to; ++i) l->gy[i] *= 1 - l->y[i] * l->y[i];
      barrier(net);
    }
    run(l, k ? LIBXSMM_DNN_COMPUTE_KIND_BWDUPD : LIBXSMM_DNN_COMPUTE_KIND_UPD, id);
    barrier(net);
  }
}

static void adam(Net *net, int id) {
  const float rate = 1e-6, b1 = 0.9, b2 = 0.999, eps = 1e-8;
  const float c1 = 1 / (1 - pow(b1, net->steps + 1)), c2 = 1 / (1 - pow(b2, net->steps + 1));
  float *restrict w = net->params, *restrict m = net->m, *restrict v = net->v;
  const float *restrict g = net->grads;
  size_t from, to;
  part(net->count, net->threads, id, &from, &to);
#pragma omp simd
  for (size_t i = from; i < to; ++i) {
    m[i] += (1 - b1) * (g[i] - m[i]);
    v[i] += (1 - b2) * (g[i] * g[i] - v[i]);
    w[i] -= rate * c1 * m[i] / (sqrtf(c2 * v[i]) + eps);
  }
}

/* A step, or only its loss; returns the loss before it. */
static double step(Net *net, int update) {
#pragma omp parallel num_threads(net->threads) if (net->threads > 1)
  {
    const int id = omp_get_thread_num();
    forward(net, id);
    net->losses[id] = loss(net, id);
    barrier(net);
    if (update) {
      backward(net, id);
      adam(net, id);
    }
  }
  net->steps += update;
  double sum = 0;
  for (int k = 0; k < net->threads; ++k) sum += net->losses[k];
  return sum;
}

/* Compares |g| of each parameter with the slope of the loss along g. */
static void check(Net *net) {
  step(net, 1);
  for (int k = 0; k < net->of->layers; ++k) {
    Layer *l = &net->layers[k];
    struct { float *x, *g; size_t n; } of[] = {{l->w, l->gw, (size_t)l->inputs * l->outputs}, {l->b, l->gb, l->outputs}};
    for (int j = 0; j < 2; ++j) {
      double square = 0, at[2], h;
      for (size_t i = 0; i < of[j].n; ++i) square += (double)of[j].g[i] * of[j].g[i];
      h = 1e-3 / square;
      float *saved = floats(of[j].n);
      memcpy(saved, of[j].x, of[j].n * sizeof(float));
      for (int side = 0; side < 2; ++side) {
        for (size_t i = 0; i < of[j].n; ++i) of[j].x[i] = saved[i] + (side ? h : -h) * of[j].g[i];
        at[side] = step(net, 0);
      }
      memcpy(of[j].x, saved, of[j].n * sizeof(float));
      free(saved);
      const double ratio = (at[1] - at[0]) / (2 * h * square);
      if (fabs(ratio - 1) > 0.03) {
        fprintf(stderr, "%s, layer %d, %s: the gradient is %.4f of the slope\n", net->of->name, k, j ? "b" : "W", 1 / ratio);
        exit(1);
      }
    }
  }
}
