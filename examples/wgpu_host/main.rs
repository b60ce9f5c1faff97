//! A renderer on its own device whose every frame is compared with how it should look, and no pixel leaves the GPU:
//! `cargo run --release --example wgpu_host -- [--frames N] [--size WxH] [--weights FILE] [--save DIR] [--unpaced]`.
//!
//! Spheres are traced into an HDR texture, cheaply at first, well in the middle of the run, and cheaply again; the
//! reference is the same moment with 64 rays a pixel. Each frame has one command encoder: both are drawn, the loss is
//! recorded behind them, and printed when it comes, some frames later. `--save` keeps every frame as a PNG, its
//! reference at its right: the only pixels that are read back, and by this program.

mod arguments;
mod save;
mod scene;

use std::{collections::VecDeque, error::Error, time::Instant};

use perceptual_loss::{
    Config, Model, ToneMap, Weights,
    gpu::{self, FrameOptions, FrameReport, FrameSession, Recorded, Requirements, wgpu},
};

use self::{
    arguments::Arguments,
    save::Saver,
    scene::{Canvas, QUALITIES, Quality, REFERENCE, Scene},
};

/// What light is shown through, and so what it is compared through.
const TONE_MAP: ToneMap = ToneMap::Aces;

/// Frames that the device may lag behind, as a swapchain has it.
const LATENCY: usize = 2;

fn main() -> Result<(), Box<dyn Error>> {
    let Arguments { frames, size, weights, save, unpaced } = Arguments::parse()?;
    let [width, height] = size;
    let config = Config::default();
    let (device, queue) = pollster::block_on(open(&config, width, height))?;
    let weights = weights.map_or(Ok(Weights::default()), Weights::open)?;
    println!("{width}x{height} on {}, weights {}", device.adapter_info().name, weights.origin());

    // While loading: what the library compiles and uploads.
    let model = Model::new(&gpu::from_device(device.clone(), queue.clone())?, &config, &weights)?;
    let mut options = FrameOptions::default();
    options.tone_map = TONE_MAP;
    let mut session = FrameSession::with_options(&model, width, height, &options)?;

    let scene = Scene::new(&device);
    let [frame, reference] = [(); 2].map(|()| scene.canvas(&device, size, save.is_some()));
    let saver = save.map(|folder| Saver::new(&device, &folder, size, TONE_MAP)).transpose()?;
    let mut log = Log { frames, compared: 0, worst: 0.0 };
    let mut submitted = VecDeque::new();
    let start = Instant::now();
    for number in 0..frames {
        let time = number as f32 / 8.0;
        let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        scene.draw(&queue, &mut encoder, &reference, &REFERENCE, time, number);
        scene.draw(&queue, &mut encoder, &frame, quality(number, frames), time, number);
        if compare(&mut session, &mut encoder, &frame, &reference, number)? == Recorded::NoRoom {
            println!("frame {number:>3}  drawn and not compared: {} are in flight", session.in_flight());
        }
        if let Some(saver) = &saver {
            saver.record(&mut encoder, &frame, &reference);
        }
        submitted.push_back(queue.submit([encoder.finish()]));

        // Where a window would wait for its swapchain.
        if submitted.len() > LATENCY && !unpaced {
            device.poll(wgpu::PollType::Wait { submission_index: submitted.pop_front(), timeout: None })?;
        }
        device.poll(wgpu::PollType::Poll)?;
        while let Some(done) = session.poll() {
            log.tell(done, number)?;
        }
        if let Some(saver) = &saver {
            saver.save(&device, number)?;
        }
    }

    // The last frames' reports are still to come.
    device.poll(wgpu::PollType::wait_indefinitely())?;
    while let Some(done) = session.poll() {
        log.tell(done, frames)?;
    }
    println!(
        "{} of {frames} frames compared in {:.1} s; comparing read back {} bytes of each",
        log.compared,
        start.elapsed().as_secs_f64(),
        session.readback_bytes()
    );
    Ok(())
}

/// Opens a device with what drawing needs and what comparing needs.
async fn open(
    config: &Config,
    width: u32,
    height: u32,
) -> Result<(wgpu::Device, wgpu::Queue), Box<dyn Error>> {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle_from_env());
    let options = wgpu::RequestAdapterOptions {
        power_preference: wgpu::PowerPreference::HighPerformance,
        ..Default::default()
    };
    let adapter = instance.request_adapter(&options).await?;
    let mut descriptor = wgpu::DeviceDescriptor { label: Some("renderer"), ..Default::default() };
    Requirements::new(config, width, height)?.merge_into(&mut descriptor, &adapter);
    Ok(adapter.request_device(&descriptor).await?)
}

/// The cheapest in the first frame and in the last, the best in the middle.
fn quality(number: u64, frames: u64) -> &'static Quality {
    let (from_an_end, half) = (number.min(frames - 1 - number), frames.div_ceil(2));
    &QUALITIES[(from_an_end * QUALITIES.len() as u64 / half) as usize]
}

/// Records comparing the frame with the reference. The scene moves, and so the target is a new one each frame; a still
/// one would be recorded once.
fn compare(
    session: &mut FrameSession,
    encoder: &mut wgpu::CommandEncoder,
    frame: &Canvas,
    reference: &Canvas,
    number: u64,
) -> perceptual_loss::Result<Recorded> {
    // Where the frame finds no room, neither does its target: its features would be computed for nothing.
    if session.in_flight() == FrameOptions::default().in_flight {
        return Ok(Recorded::NoRoom);
    }
    session.record_target(encoder, &reference.texture)?;
    session.record(encoder, &frame.texture, number)
}

/// What is said of frames.
struct Log {
    frames: u64,
    compared: u64,
    /// The largest loss so far: the longest bar.
    worst: f64,
}

impl Log {
    /// `now` is the frame in which the report was there.
    fn tell(
        &mut self,
        FrameReport { frame, result, .. }: FrameReport,
        now: u64,
    ) -> perceptual_loss::Result<()> {
        let loss = result?.total;
        self.compared += 1;
        self.worst = self.worst.max(loss);
        let bar = "#".repeat((30.0 * (loss / self.worst.max(f64::MIN_POSITIVE))).ceil() as usize);
        let name = quality(frame, self.frames).name;
        println!("frame {frame:>3}  {loss:>13.6}  {bar:<30}  {name} (known in frame {now})");
        Ok(())
    }
}
