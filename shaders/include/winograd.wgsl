// What the three stages of Winograd's convolution are told. Needs "tensor".
//
// Tiles of 4x4 results lie in the whole picture's grid, and go through in rows. Scratch is
// [image][place][channel][tile], where a place is one of 6x6, row by row.
struct Params {
    input: Tensor,
    output: Tensor,
    // The target's map of a difference that goes through its activation.
    beside: Tensor,
    // An output position plus this is the input position under the kernel's centre.
    shift: vec2<i32>,
    // Columns and rows of the first tile that lie before what is written.
    before: vec2<u32>,
    // Tiles in a row, and in all rows that go through together; the first of these rows.
    across: u32,
    tiles: u32,
    first_row: u32,
    // One of include/convolution.wgsl.
    mode: u32,
    // What the input is read through: see include/activation.wgsl.
    input_floor: i32,
    groups: u32,
    first_group: u32,
    // The convolution's bit of `notes`.
    bit: u32,
}

// A thread's tile and channel, of `channels`: neighbouring threads have neighbouring tiles.
struct Place { tile: u32, channel: u32, inside: bool }

fn place_of(index: u32, thread: u32, channels: u32) -> Place {
    let runs = (params.tiles + WORKGROUP - 1u) / WORKGROUP;
    let tile = index % runs * WORKGROUP + thread;
    let channel = index / runs;
    return Place(tile, channel, index < params.groups && tile < params.tiles && channel < channels);
}

// The output position of a tile's first result: less than 0 where the tile begins before what is written.
fn first_result(tile: u32) -> vec2<i32> {
    let at = vec2(tile % params.across, params.first_row + tile / params.across) * TILE;
    return vec2<i32>(at) - vec2<i32>(params.before);
}
