// ADBench's programs on CoDiPack: `case peer nanoseconds` a line, the median per active operation.
//
//     codipack FOLDER SECONDS        FOLDER holds the input files, SECONDS is spent on each case at least

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include <codi.hpp>

using Real = codi::RealReverse;
using std::string;
using std::vector;

// Σ 100 (x_{i+1} − x_i²)² + (1 − x_i)².
struct Rosenbrock {
  vector<double> params = vector<double>(1000);

  Rosenbrock() {
    for (int i = 0; i < 1000; ++i) params[i] = -1.2 + 2.4 * ((7919 * i) % 1000) / 1000.0;
  }

  Real operator()(const vector<Real>& x) const {
    Real sum = 0;
    for (size_t i = 0; i + 1 < x.size(); ++i) {
      Real apart = x[i + 1] - x[i] * x[i];
      sum += 100.0 * apart * apart + (1.0 - x[i]) * (1.0 - x[i]);
    }
    return sum;
  }
};

// The log-likelihood of a mixture, but for what is constant.
struct Gmm {
  int dim, components, n, m;
  double gamma;
  vector<double> params, x;

  explicit Gmm(const string& file) {
    std::ifstream in(file);
    in >> dim >> components >> n;
    params.resize(components * (1 + dim + dim * (dim + 1) / 2));
    x.resize(n * dim);
    for (double& p : params) in >> p;
    for (double& p : x) in >> p;
    in >> gamma >> m;
  }

  static Real log_sum_exp(const Real* x, int n) {
    Real max = *std::max_element(x, x + n), sum = 0;
    for (int k = 0; k < n; ++k) sum += exp(x[k] - max);
    return log(sum) + max;
  }

  Real operator()(const vector<Real>& p) const {
    const int block = dim * (dim + 1) / 2;
    const Real *alpha = p.data(), *means = alpha + components, *blocks = means + components * dim;
    vector<Real> diagonal(components * dim), sums(components), apart(dim), y(dim), terms(components);
    for (int k = 0; k < components; ++k) {
      sums[k] = 0;
      for (int d = 0; d < dim; ++d) {
        diagonal[k * dim + d] = exp(blocks[k * block + d]);
        sums[k] += blocks[k * block + d];
      }
    }
    Real value = 0;
    for (int i = 0; i < n; ++i) {
      for (int k = 0; k < components; ++k) {
        for (int d = 0; d < dim; ++d) {
          apart[d] = x[i * dim + d] - means[k * dim + d];
          y[d] = diagonal[k * dim + d] * apart[d];
        }
        const Real* below = blocks + k * block + dim;
        for (int column = 0; column < dim; ++column)
          for (int row = column + 1; row < dim; ++row) y[row] += *below++ * apart[column];
        Real square = y[0] * y[0];
        for (int d = 1; d < dim; ++d) square += y[d] * y[d];
        terms[k] = alpha[k] + sums[k] - 0.5 * square;
      }
      value += log_sum_exp(terms.data(), components);
    }
    for (int k = 0; k < components; ++k) {
      Real squares = 0;
      const Real* below = blocks + k * block + dim;
      for (int d = 0; d < dim; ++d) squares += diagonal[k * dim + d] * diagonal[k * dim + d];
      for (int j = 0; j < block - dim; ++j) squares += below[j] * below[j];
      value += 0.5 * gamma * gamma * squares - m * sums[k];
    }
    return value - double(n) * log_sum_exp(alpha, components);
  }
};

// The cross-entropy of an elementwise LSTM.
struct Lstm {
  int layers, steps, width;
  vector<double> params, state, bits;

  explicit Lstm(const string& file) {
    std::ifstream in(file);
    in >> layers >> steps >> width;
    params.resize((8 * layers + 3) * width);
    state.resize(2 * layers * width);
    bits.resize(steps * width);
    for (auto* numbers : {&params, &state, &bits})
      for (double& x : *numbers) in >> x;
  }

  static Real sigmoid(const Real& x) { return 1.0 / (1.0 + exp(-x)); }

  Real operator()(const vector<Real>& p) const {
    const int b = width;
    const Real* extra = &p[8 * layers * b];
    vector<Real> s(state.begin(), state.end()), u(b), y(b);
    Real loss = 0;
    for (int t = 0; t + 1 < steps; ++t) {
      for (int i = 0; i < b; ++i) u[i] = extra[i] * bits[t * b + i];
      for (int layer = 0; layer < layers; ++layer) {
        const Real *w = &p[8 * layer * b], *bias = w + 4 * b;
        Real *h = &s[2 * layer * b], *c = h + b;
        for (int i = 0; i < b; ++i) {
          Real forget = sigmoid(u[i] * w[i] + bias[i]), gate = sigmoid(h[i] * w[b + i] + bias[b + i]);
          Real out = sigmoid(u[i] * w[2 * b + i] + bias[2 * b + i]), change = tanh(h[i] * w[3 * b + i] + bias[3 * b + i]);
          c[i] = c[i] * forget + gate * change;
          h[i] = out * tanh(c[i]);
          u[i] = h[i];
        }
      }
      Real sum = 2.0;
      for (int i = 0; i < b; ++i) {
        y[i] = u[i] * extra[b + i] + extra[2 * b + i];
        sum += exp(y[i]);
      }
      Real normal = log(sum);
      for (int i = 0; i < b; ++i) loss += (y[i] - normal) * bits[(t + 1) * b + i];
    }
    return loss * (-1.0 / ((steps - 1) * b));
  }
};

template <class Program>
void measure(const char* name, const Program& program, double operations, double sum_of_gradient, double least) {
  using Clock = std::chrono::steady_clock;
  auto since = [](Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); };
  auto& tape = Real::getTape();
  vector<Real> x(program.params.size());
  vector<double> times;
  for (auto start = Clock::now(); since(start) < least || times.size() < 3;) {
    auto run = Clock::now();
    tape.reset();
    tape.setActive();
    for (size_t i = 0; i < x.size(); ++i) {
      x[i] = program.params[i];
      tape.registerInput(x[i]);
    }
    Real y = program(x);
    tape.registerOutput(y);
    tape.setPassive();
    y.setGradient(1.0);
    tape.evaluate();
    double sum = 0;
    for (Real& x : x) sum += x.getGradient();
    times.push_back(since(run));
    if (std::abs(sum - sum_of_gradient) > 1e-8 * (1 + std::abs(sum))) {
      std::fprintf(stderr, "%s: the gradient's sum is %.12g\n", name, sum);
      std::exit(1);
    }
  }
  std::sort(times.begin(), times.end());
  std::printf("%s codipack %.3f\n", name, times[times.size() / 2] / operations * 1e9);
}

int main(int, char** args) {
  const string folder = string(args[1]) + "/";
  const double least = std::stod(args[2]);
  measure("rosenbrock", Rosenbrock(), 7992, -203844.744826, least);
  measure("gmm10", Gmm(folder + "gmm_d10_K25.txt"), 3381407, -17695.9952352, least);
  measure("lstm2", Lstm(folder + "lstm_l2_c1024.txt"), 861367, -0.0381950009733, least);
  measure("lstm4", Lstm(folder + "lstm_l4_c1024.txt"), 1606111, -0.0327759207378, least);
}
