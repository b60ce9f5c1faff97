//! Which adapter is taken.

use crate::error::{Error, Result};

/// A GPU adapter, or a software driver that acts as one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Adapter {
    /// Its name, such as `NVIDIA GeForce RTX 5090`.
    pub name: String,
    /// The driver, its version, and the graphics API.
    pub driver: String,
    /// Whether a CPU does the work.
    pub software: bool,
}

impl From<&wgpu::AdapterInfo> for Adapter {
    fn from(info: &wgpu::AdapterInfo) -> Self {
        let driver = [info.driver.as_str(), info.driver_info.as_str()].join(" ");
        Self {
            name: info.name.clone(),
            driver: format!("{} ({:?})", driver.trim(), info.backend),
            software: info.device_type == wgpu::DeviceType::Cpu,
        }
    }
}

/// The adapter called `wanted` (a part of its name will do, in any case), else the best: hardware before
/// software, discrete before integrated.
pub(super) async fn choose(wanted: Option<&str>) -> Result<wgpu::Adapter> {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle_from_env());
    let mut adapters = instance.enumerate_adapters(wgpu::Backends::all()).await;
    // Browsers list none, and hand one out on request.
    if adapters.is_empty()
        && let Ok(adapter) = instance.request_adapter(&wgpu::RequestAdapterOptions::default()).await
    {
        adapters.push(adapter);
    }
    // A compute shader is what everything here runs as.
    adapters.retain(|adapter| {
        adapter.get_downlevel_capabilities().flags.contains(wgpu::DownlevelFlags::COMPUTE_SHADERS)
    });
    adapters.sort_by_key(|adapter| rank(adapter.get_info().device_type));
    let names: Vec<String> = adapters.iter().map(|adapter| adapter.get_info().name).collect();
    let index = match wanted {
        None => 0,
        Some(wanted) => position(&names, wanted)
            .ok_or_else(|| Error::UnknownAdapter { wanted: wanted.to_owned(), available: names.clone() })?,
    };
    adapters.into_iter().nth(index).ok_or(Error::NoAdapter)
}

fn rank(kind: wgpu::DeviceType) -> u32 {
    match kind {
        wgpu::DeviceType::DiscreteGpu => 0,
        wgpu::DeviceType::IntegratedGpu => 1,
        wgpu::DeviceType::VirtualGpu => 2,
        wgpu::DeviceType::Other => 3,
        wgpu::DeviceType::Cpu => 4,
    }
}

/// The whole name wins over a part of one.
fn position(names: &[String], wanted: &str) -> Option<usize> {
    let wanted = wanted.to_lowercase();
    let find = |matches: &dyn Fn(&str) -> bool| names.iter().position(|name| matches(&name.to_lowercase()));
    find(&|name| name == wanted).or_else(|| find(&|name| !wanted.is_empty() && name.contains(&wanted)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_match_whole_then_in_part() {
        let names = ["Radeon RX 7900 XTX", "Radeon RX 7900", "llvmpipe (LLVM 15)"].map(str::to_owned);
        assert_eq!(position(&names, "radeon rx 7900"), Some(1));
        assert_eq!(position(&names, "7900 x"), Some(0));
        assert_eq!(position(&names, "LLVM"), Some(2));
        assert_eq!(position(&names, "geforce"), None);
        assert_eq!(position(&names, ""), None);
    }
}
