// The stem of a SlowOnly network on keypoints: convolution, batch norm, ReLU and 3x3 max pooling, frame by frame, without
// the heatmap volume. A keypoint is a blob of a few pixels, the outer product of two short vectors, so the convolution is a
// sum of one small patch per keypoint. A frame's plane of responses stays in the cache, and is computed anew where it is
// needed again: that is cheaper than keeping it. pyskl/models/layers/blob_stem.py says what is computed.

#include "common.h"

using pyskl::narrow;
using pyskl::widen;

namespace {

struct Shape {
    int64_t frames, keypoints, channels;        // frames of all clips
    int64_t height, width;                      // of a heatmap
    int64_t kernel, stride, padding;            // of the convolution
    int64_t window;                             // pixels of a blob along each axis
    int64_t out_height, out_width;              // of the convolution
    int64_t pool_stride, pool_height, pool_width;  // 3x3 pooling; pool_stride 0: none
    int64_t threads;
};

// Blobs: first pixel (frames, keypoints) and values (frames, keypoints, window) along each axis.
struct Blobs {
    const int32_t *left, *top;
    const float *across, *down;
};

// Taps of one row of the kernel that meet an input column: those with the same remainder by the stride, from the last to the
// first, so that their outputs lie side by side.
struct Taps {
    int64_t first, count;
};

Taps taps_of(const Shape &s, int64_t remainder) {
    int64_t first = 0;
    for (int64_t r = 0; r < remainder; ++r) first += (s.kernel - r + s.stride - 1) / s.stride;
    return {first, (s.kernel - remainder + s.stride - 1) / s.stride};
}

int64_t floor_div(int64_t a, int64_t b) { return a >= 0 ? a / b : -((-a + b - 1) / b); }

template <int N>
void weighted_sum(float *out, const float *const *rows, const float *factor, int64_t size, bool add) {
    const float *row[N];
    float by[N];
    for (int n = 0; n < N; ++n) row[n] = rows[n], by[n] = factor[n];
#pragma omp simd
    for (int64_t i = 0; i < size; ++i) {
        float sum = add ? out[i] : 0.f;
        for (int n = 0; n < N; ++n) sum += by[n] * row[n][i];
        out[i] = sum;
    }
}

// out (+)= sum over n of factor[n] * rows[n]
void combine(float *out, const float *const *rows, const float *factor, int64_t count, int64_t size, bool add) {
    if (count == 0 && !add) std::fill(out, out + size, 0.f);
    for (; count > 5; count -= 5, rows += 5, factor += 5, add = true) weighted_sum<5>(out, rows, factor, size, add);
    switch (count) {
        case 1: return weighted_sum<1>(out, rows, factor, size, add);
        case 2: return weighted_sum<2>(out, rows, factor, size, add);
        case 3: return weighted_sum<3>(out, rows, factor, size, add);
        case 4: return weighted_sum<4>(out, rows, factor, size, add);
        case 5: return weighted_sum<5>(out, rows, factor, size, add);
        default: return;
    }
}

// Works on one frame at a time. Weights are (keypoints, kernel, kernel, channels), each row of taps in the order of `Taps`.
class Frame {
   public:
    explicit Frame(const Shape &shape) : s(shape), places(s.window) {
        span = (s.window + s.kernel - 2) / s.stride + 1;
        rows.resize(s.kernel * span * s.channels);
        for (int64_t r = 0; r < s.stride; ++r) taps.push_back(taps_of(s, r));
    }

    // plane (out_height, out_width, channels) = convolution of all blobs of a frame
    void respond(const Blobs &blobs, int64_t frame, const float *weights, float *plane) {
        std::fill(plane, plane + s.out_height * s.out_width * s.channels, 0.f);
        for (int64_t v = 0; v < s.keypoints; ++v)
            if (place(blobs, frame, v)) spread(weights + v * s.kernel * s.kernel * s.channels, plane);
    }

    // gradient (keypoints, kernel, kernel, channels) += correlation of all blobs of a frame with a plane
    void correlate(const Blobs &blobs, int64_t frame, const float *plane, float *gradient) {
        for (int64_t v = 0; v < s.keypoints; ++v)
            if (place(blobs, frame, v)) gather(plane, gradient + v * s.kernel * s.kernel * s.channels);
    }

    // The same with a plane of ones; gradient (keypoints, kernel, kernel)
    void correlate_ones(const Blobs &blobs, int64_t frame, float *gradient) {
        for (int64_t v = 0; v < s.keypoints; ++v) {
            if (!place(blobs, frame, v)) continue;
            float *to = gradient + v * s.kernel * s.kernel;
            for (int64_t ky = 0; ky < s.kernel; ++ky) {
                float down = 0.f;
                for (int64_t i = 0; i < s.window; ++i)
                    if (output_row(i, ky) >= 0) down += height[i];
                for (int64_t j = 0; j < s.window; ++j) {
                    const Column &c = places[j];
                    for (int64_t t = 0; t < c.taps.count; ++t) {
                        const int64_t x = c.start + t;
                        if (x >= 0 && x < s.out_width) to[ky * s.kernel + c.taps.first + t] += down * c.value;
                    }
                }
            }
        }
    }

   private:
    struct Column {
        float value;
        Taps taps;
        int64_t start;  // output column of the first of the taps
    };

    // Look a blob up; false: it is empty.
    bool place(const Blobs &blobs, int64_t frame, int64_t keypoint) {
        const int64_t at = frame * s.keypoints + keypoint;
        const float *across = blobs.across + at * s.window;
        height = blobs.down + at * s.window;
        top = blobs.top[at];
        bool empty = true;
        for (int64_t i = 0; i < s.window; ++i) empty = empty && height[i] == 0.f;
        if (empty) return false;
        for (int64_t j = 0; j < s.window; ++j) {
            const int64_t shifted = blobs.left[at] + j + s.padding;
            const int64_t cell = floor_div(shifted, s.stride);
            const Taps &t = taps[shifted - cell * s.stride];
            places[j] = {across[j], t, cell - (t.count - 1)};
        }
        first = places[0].start;
        for (const Column &c : places) first = std::min(first, c.start);
        low = std::max<int64_t>(first, 0);
        high = std::min(first + span, s.out_width);
        return low < high;
    }

    // Row of the output that pixel i of the blob reaches through row ky of the kernel; negative: none.
    int64_t output_row(int64_t i, int64_t ky) const {
        const int64_t shifted = top + i + s.padding - ky;
        if (shifted < 0 || shifted % s.stride || height[i] == 0.f) return -1;
        const int64_t row = shifted / s.stride;
        return row < s.out_height ? row : -1;
    }

    void spread(const float *weights, float *plane) {
        const int64_t c = s.channels, line = span * c;
        std::fill(rows.begin(), rows.end(), 0.f);
        for (int64_t ky = 0; ky < s.kernel; ++ky)
            for (const Column &column : places) {
                if (column.value == 0.f) continue;
                const float *from = weights + (ky * s.kernel + column.taps.first) * c;
                float *to = rows.data() + ky * line + (column.start - first) * c;
#pragma omp simd
                for (int64_t i = 0; i < column.taps.count * c; ++i) to[i] += column.value * from[i];
            }
        const int64_t bottom = floor_div(top + s.window - 1 + s.padding, s.stride);
        const float *sources[64];
        float factors[64];
        for (int64_t y = std::max<int64_t>(0, floor_div(top + s.padding - s.kernel + 1, s.stride));
             y <= std::min(bottom, s.out_height - 1); ++y) {
            int64_t count = 0;
            for (int64_t i = 0; i < s.window; ++i) {
                const int64_t ky = top + i + s.padding - y * s.stride;
                if (ky < 0 || ky >= s.kernel || height[i] == 0.f) continue;
                sources[count] = rows.data() + ky * line + (low - first) * c;
                factors[count++] = height[i];
            }
            combine(plane + (y * s.out_width + low) * c, sources, factors, count, (high - low) * c, true);
        }
    }

    void gather(const float *plane, float *gradient) {
        const int64_t c = s.channels, line = span * c;
        const float *sources[64];
        float factors[64];
        for (int64_t ky = 0; ky < s.kernel; ++ky) {
            int64_t count = 0;
            for (int64_t i = 0; i < s.window; ++i) {
                const int64_t row = output_row(i, ky);
                if (row < 0) continue;
                sources[count] = plane + (row * s.out_width + low) * c;
                factors[count++] = height[i];
            }
            if (count == 0) continue;
            float *sums = rows.data();
            std::fill(sums, sums + (low - first) * c, 0.f);
            std::fill(sums + (high - first) * c, sums + line, 0.f);
            combine(sums + (low - first) * c, sources, factors, count, (high - low) * c, false);
            for (const Taps &group : taps) {
                count = 0;
                for (const Column &column : places) {
                    if (column.value == 0.f || column.taps.first != group.first) continue;
                    sources[count] = sums + (column.start - first) * c;
                    factors[count++] = column.value;
                }
                float *to = gradient + (ky * s.kernel + group.first) * c;
                combine(to, sources, factors, count, group.count * c, true);
            }
        }
    }

    const Shape &s;
    std::vector<Column> places;
    std::vector<Taps> taps;
    std::vector<float> rows;
    int64_t span, top = 0, first = 0, low = 0, high = 0;
    const float *height = nullptr;
};

// value = max(scale * response + shift, 0), or without the maximum
inline float activate(float response, float scale, float shift, bool relu) {
    const float value = scale * response + shift;
    return relu && value < 0.f ? 0.f : value;  // NaN stays NaN
}

// Whether a value takes the place of the largest one so far; what is not a number does, and stays.
inline bool above_all(float value, float largest) { return value > largest || value != value; }

// 3x3 pooling with a padding of 1, in two steps: along the rows, then down the columns. The rows in work are kept in a ring of
// three, so all of it stays in the nearest cache.
class Pool {
   public:
    explicit Pool(const Shape &shape) : s(shape), c(s.channels), line(s.pool_width * c), padded((s.out_width + 2) * c, -INFINITY) {
        for (int64_t r = 0; r < 3; ++r) {
            largest[r].resize(line);
            which[r].resize(line);
            above[r].resize(line);
        }
        best.resize(line);
        from.resize(line);
    }

    // Activate row y of a plane and take the maxima of three neighbours, and which of them was the first to be largest.
    void along(const float *plane, int64_t y, const float *scale, const float *shift, bool relu) {
        for (int64_t x = 0; x < s.out_width; ++x) {
            const float *response = plane + (y * s.out_width + x) * c;
            float *to = padded.data() + (x + 1) * c;
#pragma omp simd
            for (int64_t k = 0; k < c; ++k) to[k] = activate(response[k], scale[k], shift[k], relu);
        }
        float *most = largest[y % 3].data();
        int32_t *number = which[y % 3].data();
        pieces([&](int64_t to, int64_t start, int64_t size) {
            const float *one = padded.data() + start, *two = one + c, *three = two + c;
#pragma omp simd
            for (int64_t i = 0; i < size; ++i) {
                const bool second = above_all(two[i], one[i]);
                const float pair = second ? two[i] : one[i];
                const bool third = above_all(three[i], pair);
                number[to + i] = third ? 2 : second ? 1 : 0;
                most[to + i] = third ? three[i] : pair;
            }
        });
    }

    // The maxima of pooled row y, from rows that `along` has seen.
    template <typename Number>
    void down(int64_t y, Number *out) {
        bool begun = false;
        for (int64_t row = first_row(y); row < last_row(y); ++row, begun = true) {
            const float *most = largest[row % 3].data();
#pragma omp simd
            for (int64_t i = 0; i < line; ++i) best[i] = begun && !above_all(most[i], best[i]) ? best[i] : most[i];
        }
        for (int64_t i = 0; i < line; ++i) narrow(best[i], out[i]);
    }

    // Add the gradient of pooled row y to the first row in which each maximum lies.
    template <typename Number>
    void up(int64_t y, const Number *gradient) {
        const int64_t first = first_row(y), last = last_row(y);
        for (int64_t row = first; row < last; ++row) {
            const float *most = largest[row % 3].data();
            const int32_t number = static_cast<int32_t>(row - first);
#pragma omp simd
            for (int64_t i = 0; i < line; ++i) {
                const bool more = number == 0 || above_all(most[i], best[i]);
                from[i] = more ? number : from[i];
                best[i] = more ? most[i] : best[i];
            }
        }
        for (int64_t row = first; row < last; ++row) {
            float *to = above[row % 3].data();
            const int32_t number = static_cast<int32_t>(row - first);
#pragma omp simd
            for (int64_t i = 0; i < line; ++i) to[i] += from[i] == number ? widen(gradient[i]) : 0.f;
        }
    }

    void clear(int64_t y) { std::fill(above[y % 3].begin(), above[y % 3].end(), 0.f); }

    // Gradient of row y, to which all pooled rows have been added: (out_width, channels).
    void spread(int64_t y, float *work) {
        std::vector<float> &wide = padded;
        std::fill(wide.begin(), wide.end(), 0.f);
        const float *gradient = above[y % 3].data();
        const int32_t *number = which[y % 3].data();
        pieces([&](int64_t to, int64_t start, int64_t size) {
            for (int32_t place = 0; place < 3; ++place) {
                float *target = wide.data() + start + place * c;
#pragma omp simd
                for (int64_t i = 0; i < size; ++i) target[i] += number[to + i] == place ? gradient[to + i] : 0.f;
            }
        });
        std::copy(wide.begin() + c, wide.end() - c, work);
        std::fill(wide.begin(), wide.begin() + c, -INFINITY);
        std::fill(wide.end() - c, wide.end(), -INFINITY);
    }

    int64_t first_row(int64_t y) const { return std::max<int64_t>(0, y * s.pool_stride - 1); }
    int64_t last_row(int64_t y) const { return std::min(y * s.pool_stride + 2, s.out_height); }

   private:
    // Call work(first output, first input, count) for stretches of a row in which outputs and inputs lie side by side.
    template <typename Work>
    void pieces(Work work) {
        if (s.pool_stride == 1) return work(int64_t{0}, int64_t{0}, line);
        for (int64_t x = 0; x < s.pool_width; ++x) work(x * c, x * s.pool_stride * c, c);
    }

    const Shape &s;
    const int64_t c, line;
    std::vector<float> padded, largest[3], above[3], best;
    std::vector<int32_t> which[3], from;
};

// Write a plane of responses activated, and pooled where asked for.
template <typename Number>
void put(const Shape &s, const float *plane, Pool &pool, const float *scale, const float *shift, bool relu, Number *out) {
    const int64_t c = s.channels;
    if (!s.pool_stride) {
        for (int64_t p = 0; p < s.out_height * s.out_width; ++p)
#pragma omp simd
            for (int64_t k = 0; k < c; ++k) narrow(activate(plane[p * c + k], scale[k], shift[k], relu), out[p * c + k]);
        return;
    }
    int64_t seen = 0;
    for (int64_t y = 0; y < s.pool_height; ++y) {
        for (; seen < pool.last_row(y); ++seen) pool.along(plane, seen, scale, shift, relu);
        pool.down(y, out + y * s.pool_width * c);
    }
}

// Gradient of the activated plane from that of the output: to the first largest value of each window, as PyTorch does.
template <typename Number>
void unpool(const Shape &s, const float *plane, Pool &pool, const float *scale, const float *shift, bool relu,
            const Number *gradient, float *work) {
    const int64_t line = s.out_width * s.channels;
    if (!s.pool_stride) {
        for (int64_t i = 0; i < s.out_height * line; ++i) work[i] = widen(gradient[i]);
        return;
    }
    int64_t seen = 0, done = 0;
    for (int64_t y = 0; y < s.pool_height; ++y) {
        for (; seen < pool.last_row(y); ++seen) {
            pool.along(plane, seen, scale, shift, relu);
            pool.clear(seen);
        }
        pool.up(y, gradient + y * s.pool_width * s.channels);
        // Rows above the window of the next pooled row are complete.
        const int64_t complete = y + 1 < s.pool_height ? pool.first_row(y + 1) : s.out_height;
        for (; done < std::min(complete, seen); ++done) pool.spread(done, work + done * line);
    }
    for (; done < s.out_height; ++done) std::fill(work + done * line, work + (done + 1) * line, 0.f);
}

template <typename Number>
void forward(const Shape &s, const Blobs &blobs, const float *weights, const float *scale, const float *shift, bool relu,
             Number *out) {
    const int64_t size = s.out_height * s.out_width * s.channels;
    const int64_t written = s.pool_stride ? s.pool_height * s.pool_width * s.channels : size;
#pragma omp parallel num_threads(s.threads)
    {
        Frame frame(s);
        Pool pool(s);
        std::vector<float> plane(size);
#pragma omp for schedule(static)
        for (int64_t f = 0; f < s.frames; ++f) {
            frame.respond(blobs, f, weights, plane.data());
            put(s, plane.data(), pool, scale, shift, relu, out + f * written);
        }
    }
}

template <typename Number>
void backward(const Shape &s, const Blobs &blobs, const float *weights, const float *scale, const float *shift, bool relu,
              const Number *gradient, float *of_weights, float *of_responses, float *of_ones, double *sums, double *products) {
    const int64_t c = s.channels, size = s.out_height * s.out_width * c;
    const int64_t written = s.pool_stride ? s.pool_height * s.pool_width * c : size;
    const int64_t taps = s.keypoints * s.kernel * s.kernel, each = taps * (2 * c + 1);
    std::vector<float> partial(s.threads * each, 0.f);
    std::vector<double> statistics(s.threads * 2 * c, 0.0);
#pragma omp parallel num_threads(s.threads)
    {
        Frame frame(s);
        Pool pool(s);
        std::vector<float> plane(size), work(size), sum(c), product(c);
        float *mine = partial.data() + omp_get_thread_num() * each;
        double *counted = statistics.data() + omp_get_thread_num() * 2 * c;
#pragma omp for schedule(static)
        for (int64_t f = 0; f < s.frames; ++f) {
            frame.respond(blobs, f, weights, plane.data());
            unpool(s, plane.data(), pool, scale, shift, relu, gradient + f * written, work.data());
            for (int64_t y = 0; y < s.out_height; ++y) {
                std::fill(sum.begin(), sum.end(), 0.f);
                std::fill(product.begin(), product.end(), 0.f);
                for (int64_t x = 0; x < s.out_width; ++x) {
                    const int64_t at = (y * s.out_width + x) * c;
#pragma omp simd
                    for (int64_t k = 0; k < c; ++k) {
                        const bool masked = relu && !(activate(plane[at + k], scale[k], shift[k], true) > 0.f);
                        const float value = masked ? 0.f : work[at + k];
                        work[at + k] = value;
                        sum[k] += value;
                        product[k] += value * plane[at + k];
                    }
                }
                for (int64_t k = 0; k < c; ++k) counted[k] += sum[k], counted[c + k] += product[k];
            }
            frame.correlate(blobs, f, work.data(), mine);
            if (of_responses) {
                frame.correlate(blobs, f, plane.data(), mine + taps * c);
                frame.correlate_ones(blobs, f, mine + 2 * taps * c);
            }
        }
    }
    for (int64_t t = 0; t < s.threads; ++t) {
        const float *from = partial.data() + t * each;
        for (int64_t i = 0; i < taps * c; ++i) of_weights[i] += from[i];
        if (of_responses) {
            for (int64_t i = 0; i < taps * c; ++i) of_responses[i] += from[taps * c + i];
            for (int64_t i = 0; i < taps; ++i) of_ones[i] += from[2 * taps * c + i];
        }
        for (int64_t k = 0; k < c; ++k) {
            sums[k] += statistics[t * 2 * c + k];
            products[k] += statistics[t * 2 * c + c + k];
        }
    }
}

}  // namespace

extern "C" {

// sums, squares (channels) of the responses of all pixels of all frames
void blob_stem_statistics(const Shape *shape, const Blobs *blobs, const float *weights, double *sums, double *squares) {
    const Shape &s = *shape;
    const int64_t c = s.channels;
    std::vector<double> statistics(s.threads * 2 * c, 0.0);
#pragma omp parallel num_threads(s.threads)
    {
        Frame frame(s);
        std::vector<float> plane(s.out_height * s.out_width * c), sum(c), square(c);
        double *counted = statistics.data() + omp_get_thread_num() * 2 * c;
#pragma omp for schedule(static)
        for (int64_t f = 0; f < s.frames; ++f) {
            frame.respond(*blobs, f, weights, plane.data());
            for (int64_t y = 0; y < s.out_height; ++y) {
                std::fill(sum.begin(), sum.end(), 0.f);
                std::fill(square.begin(), square.end(), 0.f);
                for (int64_t x = 0; x < s.out_width; ++x) {
                    const float *from = plane.data() + (y * s.out_width + x) * c;
#pragma omp simd
                    for (int64_t k = 0; k < c; ++k) {
                        sum[k] += from[k];
                        square[k] += from[k] * from[k];
                    }
                }
                for (int64_t k = 0; k < c; ++k) counted[k] += sum[k], counted[c + k] += square[k];
            }
        }
    }
    for (int64_t t = 0; t < s.threads; ++t)
        for (int64_t k = 0; k < c; ++k) {
            sums[k] += statistics[t * 2 * c + k];
            squares[k] += statistics[t * 2 * c + c + k];
        }
}

void blob_stem_forward(const Shape *shape, const Blobs *blobs, const float *weights, const float *scale, const float *shift,
                       int relu, int bfloat16, void *out) {
    if (bfloat16)
        forward(*shape, *blobs, weights, scale, shift, relu, static_cast<uint16_t *>(out));
    else
        forward(*shape, *blobs, weights, scale, shift, relu, static_cast<float *>(out));
}

// With g the gradient of the normalised responses (after the ReLU's mask): of_weights = correlation with g, of_responses with
// the responses, of_ones with 1 (both null: not needed); sums and products (channels): of g and of g * response.
void blob_stem_backward(const Shape *shape, const Blobs *blobs, const float *weights, const float *scale, const float *shift,
                        int relu, int bfloat16, const void *gradient, float *of_weights, float *of_responses, float *of_ones,
                        double *sums, double *products) {
    if (bfloat16)
        backward(*shape, *blobs, weights, scale, shift, relu, static_cast<const uint16_t *>(gradient), of_weights, of_responses,
                 of_ones, sums, products);
    else
        backward(*shape, *blobs, weights, scale, shift, relu, static_cast<const float *>(gradient), of_weights, of_responses,
                 of_ones, sums, products);
}

}  // extern "C"
