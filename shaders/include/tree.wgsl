// The sum of one value a thread over a workgroup, pairwise, in an order that never varies. Needs "grid".
var<workgroup> tree: array<f32, WORKGROUP>;

// The sum is the first thread's to use. All threads of the workgroup must come here.
fn tree_sum(thread: u32, value: f32) -> f32 {
    tree[thread] = value;
    workgroupBarrier();
    for (var reach = WORKGROUP / 2; reach > 0; reach /= 2) {
        if thread < reach {
            tree[thread] += tree[thread + reach];
        }
        workgroupBarrier();
    }
    return tree[0];
}
