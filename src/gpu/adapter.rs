//! What an adapter is.

use std::fmt;

use serde::Serialize;

/// A GPU adapter, or a software driver that acts as one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Adapter {
    /// Its name, such as `NVIDIA GeForce RTX 5090`.
    pub name: String,
    /// The driver and its version.
    pub driver: String,
    /// The graphics API that it is reached through: `Vulkan`, `Metal`, `DX12`, `GL` or `WebGPU`.
    pub api: &'static str,
    /// Where it is on the PCI bus, such as `0000:01:00.0`, as far as the driver tells.
    pub pci_bus: Option<String>,
    /// What it is.
    pub kind: AdapterKind,
    /// Whether a CPU does the work.
    pub software: bool,
}

/// What an adapter is, in the order in which they are preferred.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum AdapterKind {
    /// A GPU with memory of its own.
    Discrete,
    /// A GPU that shares the CPU's memory.
    Integrated,
    /// A part of a GPU, handed to a virtual machine.
    Virtual,
    /// The driver does not say.
    Other,
    /// A driver that computes on the CPU.
    Software,
}

impl AdapterKind {
    /// `discrete`, `integrated`, `virtual`, `other` or `software`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Discrete => "discrete",
            Self::Integrated => "integrated",
            Self::Virtual => "virtual",
            Self::Other => "other",
            Self::Software => "software",
        }
    }
}

impl fmt::Display for AdapterKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl From<&wgpu::AdapterInfo> for Adapter {
    fn from(info: &wgpu::AdapterInfo) -> Self {
        let driver = [info.driver.as_str(), info.driver_info.as_str()].join(" ");
        let kind = match info.device_type {
            wgpu::DeviceType::DiscreteGpu => AdapterKind::Discrete,
            wgpu::DeviceType::IntegratedGpu => AdapterKind::Integrated,
            wgpu::DeviceType::VirtualGpu => AdapterKind::Virtual,
            wgpu::DeviceType::Other => AdapterKind::Other,
            wgpu::DeviceType::Cpu => AdapterKind::Software,
        };
        Self {
            name: info.name.clone(),
            driver: driver.trim().to_owned(),
            api: match info.backend {
                wgpu::Backend::Vulkan => "Vulkan",
                wgpu::Backend::Metal => "Metal",
                wgpu::Backend::Dx12 => "DX12",
                wgpu::Backend::Gl => "GL",
                wgpu::Backend::BrowserWebGpu => "WebGPU",
                wgpu::Backend::Noop => "none",
            },
            pci_bus: Some(info.device_pci_bus_id.clone()).filter(|bus| !bus.is_empty()),
            kind,
            software: kind == AdapterKind::Software,
        }
    }
}

impl fmt::Display for Adapter {
    /// Everything that tells it from others.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}, {}", self.name, self.driver, self.api)?;
        self.pci_bus.iter().try_for_each(|bus| write!(f, ", {bus}"))
    }
}
