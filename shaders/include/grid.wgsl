// A dispatch numbers its workgroups along x and y together, since 65,535 is the most that one dimension takes;
// z is the image. The grid's last row may have some that are not needed: those above `groups` return at once. A
// dispatch that is divided into pieces begins with `first_group` instead of 0.
fn group_index(group: vec3<u32>, grid: vec3<u32>) -> u32 {
    return group.y * grid.x + group.x;
}
