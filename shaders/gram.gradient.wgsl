// What a tap of Gram matrices adds to the gradient of the difference that it compares, and that gradient: what the matrices differ by
// times the generated picture's features. A workgroup makes some channels of some positions, a thread a block of them. Twin:
// src/cpu/twin/gram.rs.

#include "tensor"
#include "grid"
#include "activation"
#include "features"

struct Params {
    input: Tensor,
    beside: Tensor,
    // The gradient from deeper layers, if there `adds` one.
    added: Tensor,
    output: Tensor,
    // What the target is read through: see include/activation.wgsl.
    input_floor: i32,
    has_target: u32,
    factor: f32,
    adds: u32,
    groups: u32,
    first_group: u32,
    pad0: u32,
    pad1: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;
@group(0) @binding(2) var<storage, read> beside: array<f32>;
// (image, row, column), symmetric
@group(0) @binding(3) var<storage, read> matrix: array<f32>;
@group(0) @binding(4) var<storage, read> added: array<f32>;
@group(0) @binding(5) var<storage, read_write> gradient: array<f32>;

const FOURS: u32 = TILE / 4;
// Channels that are multiplied between two barriers.
const DEPTH: u32 = 16;

// Rows of the matrix, and the generated picture's features, a channel after another.
var<workgroup> rows: array<vec4<f32>, DEPTH * FOURS>;
var<workgroup> columns: array<vec4<f32>, DEPTH * FOURS>;

fn place_of(position: u32) -> vec2<u32> {
    return vec2(position % params.output.width, position / params.output.width);
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let index = params.first_group + group_index(group, grid);
    if index >= params.groups {
        return;
    }
    let channels = params.output.channels;
    let positions = params.output.width * params.output.height;
    let down = (channels + TILE - 1) / TILE;
    let channel = index % down * TILE;
    let position = index / down * TILE;
    let of_image = group.z * channels * channels;

    let block = vec2(thread % FOURS, thread / FOURS);
    var sums = mat4x4<f32>();
    for (var first = 0u; first < channels; first += DEPTH) {
        workgroupBarrier();
        for (var item = thread; item < DEPTH * FOURS; item += WORKGROUP) {
            let four = item % FOURS;
            let k = item / FOURS;
            var of_matrix = vec4(0.0);
            var of_picture = vec4(0.0);
            if first + k < channels {
                for (var i = 0u; i < 4u; i++) {
                    if channel + 4 * four + i < channels {
                        of_matrix[i] = matrix[of_image + (first + k) * channels + channel + 4 * four + i];
                    }
                    if position + 4 * four + i < positions {
                        let both = pair(group.z, vec3(place_of(position + 4 * four + i), first + k));
                        of_picture[i] = both.x + both.y;
                    }
                }
            }
            rows[k * FOURS + four] = of_matrix;
            columns[k * FOURS + four] = of_picture;
        }
        workgroupBarrier();
        for (var k = 0u; k < DEPTH; k++) {
            let of_rows = rows[k * FOURS + block.y];
            let of_columns = columns[k * FOURS + block.x];
            sums[0] += of_rows.x * of_columns;
            sums[1] += of_rows.y * of_columns;
            sums[2] += of_rows.z * of_columns;
            sums[3] += of_rows.w * of_columns;
        }
    }

    for (var i = 0u; i < 4u; i++) {
        for (var j = 0u; j < 4u; j++) {
            let at = vec2(position + 4 * block.x + j, channel + 4 * block.y + i);
            if at.x < positions && at.y < channels {
                let place = vec3(place_of(at.x), at.y);
                var sum = params.factor * sums[i][j];
                if params.adds != 0u {
                    sum += added[address(params.added, group.z, place)];
                }
                gradient[address(params.output, group.z, place)] = sum;
            }
        }
    }
}
