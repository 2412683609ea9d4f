// Keypoint blobs and the convolution of one frame of them, forward and transposed.
#pragma once

#include "common.h"

namespace pyskl {

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

inline Taps taps_of(const Shape &s, int64_t remainder) {
    int64_t first = 0;
    for (int64_t r = 0; r < remainder; ++r) first += (s.kernel - r + s.stride - 1) / s.stride;
    return {first, (s.kernel - remainder + s.stride - 1) / s.stride};
}

inline int64_t floor_div(int64_t a, int64_t b) { return a >= 0 ? a / b : -((-a + b - 1) / b); }

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
inline void combine(float *out, const float *const *rows, const float *factor, int64_t count, int64_t size, bool add) {
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

}  // namespace pyskl
