// Batch norm, addition of a shortcut and ReLU over rows of channels (channels last in memory), each direction in two passes.
// pyskl/models/layers/conv_norm_act.py says what is computed.

#include "common.h"

using pyskl::narrow;
using pyskl::widen;

namespace {

constexpr int64_t BLOCK = 256;  // rows that are summed in float32 before they go into float64

// Call work(first row, rows, thread) for blocks of rows. A fixed share for each thread: the sums don't depend on chance.
template <typename Work>
void for_blocks(int64_t rows, int64_t threads, Work work) {
    const int64_t blocks = (rows + BLOCK - 1) / BLOCK;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t b = 0; b < blocks; ++b) work(b * BLOCK, std::min(BLOCK, rows - b * BLOCK), omp_get_thread_num());
}

// Two sums a channel, over blocks and threads.
class Pair {
   public:
    Pair(int64_t channels, int64_t threads) : c(channels), total(threads * 2 * channels, 0.0), part(threads * 2 * channels) {}

    float *start(int64_t thread) {
        float *mine = part.data() + thread * 2 * c;
        std::fill(mine, mine + 2 * c, 0.f);
        return mine;
    }

    void end(int64_t thread) {
        for (int64_t k = 0; k < 2 * c; ++k) total[thread * 2 * c + k] += part[thread * 2 * c + k];
    }

    void add_to(double *one, double *other) const {
        for (size_t at = 0; at < total.size(); at += 2 * c)
            for (int64_t k = 0; k < c; ++k) {
                one[k] += total[at + k];
                other[k] += total[at + c + k];
            }
    }

   private:
    int64_t c;
    std::vector<double> total;
    std::vector<float> part;
};

// A constant number of channels, where it is a usual one, lets the compiler keep a row's sums in registers.
template <typename Work>
void with_channels(int64_t channels, Work work) {
    switch (channels) {
        case 16: return work(std::integral_constant<int64_t, 16>());
        case 32: return work(std::integral_constant<int64_t, 32>());
        case 64: return work(std::integral_constant<int64_t, 64>());
        case 128: return work(std::integral_constant<int64_t, 128>());
        default: return work(channels);
    }
}

// `pivot` (channels) is taken off x everywhere: sums of squares of numbers near their mean don't cancel.
template <typename Number>
void sums(const Number *x, int64_t rows, int64_t channels, int64_t threads, const float *pivot, double *one,
          double *square) {
    Pair pair(channels, threads);
    with_channels(channels, [&](auto c) {
        for_blocks(rows, threads, [&](int64_t first, int64_t count, int64_t thread) {
            float *sum = pair.start(thread), *squares = sum + c;
            const Number *row = x + first * c;
            for (int64_t r = 0; r < count; ++r, row += c)
#pragma omp simd
                for (int64_t k = 0; k < c; ++k) {
                    const float value = widen(row[k]) - pivot[k];
                    sum[k] += value;
                    squares[k] += value * value;
                }
            pair.end(thread);
        });
    });
    pair.add_to(one, square);
}

template <typename Number>
void apply(const Number *x, const Number *shortcut, int64_t rows, int64_t channels, int64_t threads, const float *pivot,
           const float *scale, const float *shift, bool relu, Number *out) {
    const float floor = relu ? 0.f : -INFINITY;
    with_channels(channels, [&](auto c) {
        for_blocks(rows, threads, [&](int64_t first, int64_t count, int64_t) {
            for (int64_t r = first; r < first + count; ++r) {
                const Number *from = x + r * c, *beside = shortcut + r * c;
                Number *to = out + r * c;
                if (shortcut) {
#pragma omp simd
                    for (int64_t k = 0; k < c; ++k) {
                        const float value = (widen(from[k]) - pivot[k]) * scale[k] + shift[k] + widen(beside[k]);
                        narrow(value < floor ? floor : value, to[k]);
                    }
                } else {
#pragma omp simd
                    for (int64_t k = 0; k < c; ++k) {
                        const float value = (widen(from[k]) - pivot[k]) * scale[k] + shift[k];
                        narrow(value < floor ? floor : value, to[k]);
                    }
                }
            }
        });
    });
}

// Where the ReLU lets a gradient through: everywhere (0), where the output is positive (1), or where scale * x + shift is (2),
// which needs no look at the output.
enum Mask { NONE, OUTPUT, INPUT };

template <int MASK, typename Number>
inline float masked(const Number *gradient, const Number *x, const Number *out, const float *pivot, const float *scale,
                    const float *shift, int64_t k) {
    const float value = widen(gradient[k]);
    if (MASK == OUTPUT) return widen(out[k]) > 0.f ? value : 0.f;
    if (MASK == INPUT) return (widen(x[k]) - pivot[k]) * scale[k] + shift[k] > 0.f ? value : 0.f;
    return value;
}

template <int MASK, typename Number>
void gradient_sums(const Number *x, const Number *out, const Number *gradient, int64_t rows, int64_t channels,
                   int64_t threads, const float *pivot, const float *scale, const float *shift, double *one,
                   double *product) {
    Pair pair(channels, threads);
    with_channels(channels, [&](auto c) {
        for_blocks(rows, threads, [&](int64_t first, int64_t count, int64_t thread) {
            float *sum = pair.start(thread), *products = sum + c;
            for (int64_t r = first; r < first + count; ++r) {
                const Number *from = x + r * c, *y = out + r * c, *g = gradient + r * c;
#pragma omp simd
                for (int64_t k = 0; k < c; ++k) {
                    const float value = masked<MASK>(g, from, y, pivot, scale, shift, k);
                    sum[k] += value;
                    products[k] += value * (widen(from[k]) - pivot[k]);
                }
            }
            pair.end(thread);
        });
    });
    pair.add_to(one, product);
}

template <int MASK, typename Number>
void backward(const Number *x, const Number *out, const Number *gradient, int64_t rows, int64_t channels, int64_t threads,
              const float *pivot, const float *scale, const float *shift, const float *of_gradient,
              const float *of_input, const float *constant, Number *input, Number *shortcut) {
    with_channels(channels, [&](auto c) {
        for_blocks(rows, threads, [&](int64_t first, int64_t count, int64_t) {
            for (int64_t r = first; r < first + count; ++r) {
                const Number *from = x + r * c, *y = out + r * c, *g = gradient + r * c;
                Number *to = input + r * c, *beside = shortcut + r * c;
                if (shortcut) {
#pragma omp simd
                    for (int64_t k = 0; k < c; ++k) {
                        const float value = masked<MASK>(g, from, y, pivot, scale, shift, k);
                        narrow(value * of_gradient[k] + (widen(from[k]) - pivot[k]) * of_input[k] + constant[k], to[k]);
                        narrow(value, beside[k]);
                    }
                } else {
#pragma omp simd
                    for (int64_t k = 0; k < c; ++k) {
                        const float value = masked<MASK>(g, from, y, pivot, scale, shift, k);
                        narrow(value * of_gradient[k] + (widen(from[k]) - pivot[k]) * of_input[k] + constant[k], to[k]);
                    }
                }
            }
        });
    });
}

}  // namespace

extern "C" {

// mask: one of `Mask`
#define PYSKL_NORM(SUFFIX, NUMBER)                                                                                          \
    void norm_sums_##SUFFIX(const NUMBER *x, int64_t rows, int64_t channels, int64_t threads, const float *pivot, \
                             double *one, double *square) { \
        sums(x, rows, channels, threads, pivot, one, square);                                                                      \
    }                                                                                                                       \
    void norm_apply_##SUFFIX(const NUMBER *x, const NUMBER *shortcut, int64_t rows, int64_t channels, int64_t threads,       \
                             const float *pivot, const float *scale, const float *shift, int relu, NUMBER *out) {                               \
        apply(x, shortcut, rows, channels, threads, pivot, scale, shift, relu != 0, out);                                          \
    }                                                                                                                       \
    void norm_gradient_sums_##SUFFIX(const NUMBER *x, const NUMBER *out, const NUMBER *gradient, int64_t rows,              \
                                     int64_t channels, int64_t threads, const float *pivot, const float *scale, const float *shift, int mask,   \
                                     double *one, double *product) {                                                        \
        auto run = mask == NONE     ? gradient_sums<NONE, NUMBER>                                                           \
                   : mask == OUTPUT ? gradient_sums<OUTPUT, NUMBER>                                                         \
                                    : gradient_sums<INPUT, NUMBER>;                                                         \
        run(x, out, gradient, rows, channels, threads, pivot, scale, shift, one, product);                                         \
    }                                                                                                                       \
    void norm_backward_##SUFFIX(const NUMBER *x, const NUMBER *out, const NUMBER *gradient, int64_t rows, int64_t channels,  \
                                int64_t threads, const float *pivot, const float *scale, const float *shift, int mask,      \
                                const float *of_gradient, const float *of_input, const float *constant, NUMBER *input,      \
                                NUMBER *shortcut) {                                                                         \
        auto run = mask == NONE     ? backward<NONE, NUMBER>                                                                \
                   : mask == OUTPUT ? backward<OUTPUT, NUMBER>                                                              \
                                    : backward<INPUT, NUMBER>;                                                              \
        run(x, out, gradient, rows, channels, threads, pivot, scale, shift, of_gradient, of_input, constant, input, shortcut);     \
    }

PYSKL_NORM(float32, float)
PYSKL_NORM(bfloat16, uint16_t)

}  // extern "C"
