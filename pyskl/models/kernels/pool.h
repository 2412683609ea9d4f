// 3x3 max pooling of a plane that is normalised and activated on the way.
#pragma once

#include "blob_frame.h"

namespace pyskl {

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

}  // namespace pyskl
